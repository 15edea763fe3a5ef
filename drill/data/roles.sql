-- Every server has an owner without login and the role that applications log in as.
CREATE ROLE :"owner" NOLOGIN;
CREATE ROLE :"role" LOGIN PASSWORD :'password' IN ROLE :"owner";
CREATE DATABASE :"database" OWNER :"owner";
